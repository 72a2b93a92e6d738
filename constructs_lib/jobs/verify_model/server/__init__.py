"""The container's own server: started in the job, asked over HTTP, ended with all its children."""
