"""The outbox: how a task gets to the one server project it belongs to, exactly once, however often this is run or killed."""
