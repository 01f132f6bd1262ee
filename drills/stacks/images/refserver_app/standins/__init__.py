"""Small honest stand-ins for what RefServer leans on, on the routes that the real ones have."""
