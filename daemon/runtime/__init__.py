"""The long-running process: wiring, runner, inbox, jobs, snapshots, recovery. Nothing that a command needs."""
