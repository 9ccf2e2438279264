"""What is said of partitions as a whole: statistics, and the table of a data directory."""
