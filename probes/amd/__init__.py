"""AMD GPUs, through sysfs and the compute nodes of the kernel driver."""
