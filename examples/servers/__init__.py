"""Real servers on this machine: an S3 server, alone or as a small cluster, and instances of the gallery.

They listen on the loopback interface only, keep everything in a temporary directory, and end with the process
that started them, however it ends.
"""

from servers.instances import Instance
from servers.processes import ServerError
from servers.seaweedfs import SeaweedFS, SeaweedFSCluster

__all__ = ["Instance", "SeaweedFS", "SeaweedFSCluster", "ServerError"]
