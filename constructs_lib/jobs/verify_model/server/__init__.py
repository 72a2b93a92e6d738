"""The container's own server: started in the job, asked over HTTP, ended with all its children."""

LOCAL_RAY = "--local-ray"
"""First argument of a process that stands in for Ray Serve's container."""
