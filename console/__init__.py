"""The doors for people: the command line and the demonstration. Calls every room, decides nothing itself."""
