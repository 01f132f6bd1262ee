"""A small chat service: users, rooms, messages stored before they are acknowledged, live delivery."""
