"""What every interpreter in the browser does before anything else is imported."""

import sys

# What stands in for packages that can't run in a browser. A real one would be found first.
sys.path.append("/stubs")

import s3transfer.futures

# A browser has no threads, and boto3 uploads in one, however small the file is.
s3transfer.futures.BoundedExecutor.EXECUTOR_CLS = s3transfer.futures.NonThreadedExecutor
