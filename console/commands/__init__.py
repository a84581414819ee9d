"""The commands, one file for the commands of one room."""
