"""The inspection of lots in a workspace: freeze, draw, inspect, decide, send back."""
