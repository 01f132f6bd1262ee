"""What you would never run on the real night: scenarios that break a stack and judge its recovery."""
