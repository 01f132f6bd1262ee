"""What you would run on the real night: recovery runbooks carried out on the hosts of an inventory."""

__version__ = "0.1.0"
