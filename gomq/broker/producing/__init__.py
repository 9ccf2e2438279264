"""What is behind Produce: what a batch must be, who gave it its timestamps, who sent it."""
