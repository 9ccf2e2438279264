"""The command ``gomq``: one file per noun or verb."""
