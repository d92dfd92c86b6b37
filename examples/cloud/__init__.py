"""The cloud platform in miniature: instances with disks of their own, one bucket that all share, a log of
requests.

Everything happens in this Python process. moto plays Amazon S3, an instance's disk is a temporary directory,
and no request leaves the machine.

>>> with Cloud() as cloud:
...     cloud.client.put_object(Bucket=cloud.bucket, Key="cat.jpg", Body=b"Meow") and None
...     cloud
Bucket media: cat.jpg
"""

from cloud.drawing import BarChart
from cloud.platform import Cloud, Instance, InstanceGone
from cloud.requests import Request, RequestLog

__all__ = ["BarChart", "Cloud", "Instance", "InstanceGone", "Request", "RequestLog"]
