"""What the notebooks use, imported and used once, in the process from which the site's build forks theirs.

That saves each notebook the time for it and changes nothing of what it prints: ``nox -s verify`` runs all of
them in ordinary kernels too, and compares.
"""

import functools
import importlib
import sys

import boto3
import botocore.session
from botocore.exceptions import ClientError
from IPython.core.ultratb import FormattedTB
from moto import mock_aws

for name in (
    "django.contrib.auth.hashers",
    "django.core.files.storage",
    "django.core.management",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.autodetector",
    "django.db.migrations.executor",
    "django.db.models",
    "django.forms",
    "django.template.loader",
    "django.test",
    "storages.backends.s3",
    "PIL.Image",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
):
    importlib.import_module(name)

# Each session reads the files that describe a service again, and treats what it has read as constant. So they
# may share what reads the files and remembers them.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)

keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
with mock_aws():
    s3 = boto3.session.Session(**keys).resource("s3").meta.client
    s3.create_bucket(Bucket="warm-up")
    s3.put_object(Bucket="warm-up", Key="a.txt", Body=b"a")
    s3.list_objects_v2(Bucket="warm-up")
    try:
        s3.get_object(Bucket="warm-up", Key="missing")
    except ClientError:
        # Shown as IPython shows it, which reads and analyses the files in the traceback.
        FormattedTB(mode="Context", theme_name="linux").structured_traceback(*sys.exc_info())
