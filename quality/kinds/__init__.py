"""Agreement by kind of answer: typed answers of tasks in, measures with intervals out. `table` says which kind has which."""
