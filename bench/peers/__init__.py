"""The other tools, each as its documentation shows it; run in virtual environments of their own."""
