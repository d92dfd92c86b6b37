"""What notebooks use in the browser, imported and used once before Python's memory is packed.

It is to the browser what ``docs/warm_up.py`` is to the site's build, and changes nothing of what a notebook
prints.
"""

import functools
import importlib
import os
import sys
from contextlib import suppress

import boto3
import botocore.loaders
import botocore.session
from botocore.exceptions import ClientError
from moto import mock_aws

# For what is imported here; a notebook adds these folders itself.
project = ["/project", "/project/examples"]
sys.path += project

for name in (
    "cloud",
    "conf.debug",
    "django.contrib.auth.hashers",
    "django.contrib.staticfiles.storage",
    "django.core.files.storage",
    "django.core.management",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.autodetector",
    "django.db.migrations.executor",
    "django.db.models",
    "django.forms",
    "django.template.loader",
    "django.test",
    "live.interpreter",
    "IPython.display",
    "IPython.lib.pretty",
    "storages.backends.s3",
):
    importlib.import_module(name)

# Each session reads the files that describe a service again, and treats what it has read as constant. So they
# may share what reads the files and remembers them, in ordinary dictionaries, which are half as large.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
botocore.loaders.OrderedDict = dict

before = dict(os.environ)
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
with mock_aws():
    s3 = boto3.session.Session(**keys).resource("s3").meta.client
    s3.create_bucket(Bucket="warm-up")
    s3.put_object(Bucket="warm-up", Key="a.txt", Body=b"a")
    s3.list_objects_v2(Bucket="warm-up")
    with suppress(ClientError):
        s3.get_object(Bucket="warm-up", Key="missing")
del s3
os.environ.clear()
os.environ.update(before)
for path in project:
    sys.path.remove(path)
