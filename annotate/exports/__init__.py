"""Exports of Label Studio, from any of its versions and projects, as typed answers; without a workspace or a server."""
