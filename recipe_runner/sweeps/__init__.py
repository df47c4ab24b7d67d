"""Many runs at once: scheduling and executors over `runs`. Empty so far: a run is started alone."""
