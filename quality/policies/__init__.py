"""Gate policies that come with Yuelu, and the JSON Schema that every policy must fit."""
