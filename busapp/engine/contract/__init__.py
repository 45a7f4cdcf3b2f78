"""The JSON contract: what each job's result holds, as types. `docs/architecture.md` says who reads it."""
