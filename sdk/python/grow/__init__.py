"""The SDK of Python actors."""
