"""When a team rehearses what, who owns it, and what is to be done before, on the day and after it."""
