"""The fixed texts of the prompts, one file each, with a version.

Whoever changes a text raises its VERSION; tests/domain/test_prompts.py keeps the hash of every version.
"""
