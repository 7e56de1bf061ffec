"""What containers say of their own end, so that a file that was cut off is known to be one."""
