"""What the notebooks need in the reader's browser, and how it is trimmed before it is packed.

:mod:`live.browser` copies the packages from the environment that builds the site, so that a cell runs in the
page with the same versions as it did for it. Everything here makes the download smaller, and takes nothing
away that a notebook uses.
"""

import itertools
import json
from fnmatch import fnmatchcase
from typing import Any

#: Distributions of this environment whose pure-Python files are packed.
DISTRIBUTIONS = [
    # What the notebooks are about
    "Django",
    "boto3",
    "django-filer",
    "django-storages",
    "easy-thumbnails",
    "moto",
    # What those need
    "asgiref",
    "botocore",
    "certifi",
    "charset-normalizer",
    "django-polymorphic",
    "idna",
    "Jinja2",
    "jmespath",
    "MarkupSafe",
    "py-partiql-parser",
    "python-dateutil",
    "PyYAML",
    "requests",
    "responses",
    "s3transfer",
    "six",
    "sqlparse",
    "typing_extensions",
    "urllib3",
    "Werkzeug",
    "xmltodict",
]

#: Files of those distributions that are left out. A star stands for any part of a path.
LEFT_OUT = [
    # Tests, types, sources of translations and what only a shell or a page of the admin needs
    "*/tests/*",
    "*.pyi",
    "*/py.typed",
    "*.po",
    "*/static/*",
    "django/bin/*",
    "django/conf/app_template/*",
    "django/conf/project_template/*",
    "django/contrib/admin/*",
    "django/contrib/admindocs/*",
    "django/contrib/flatpages/*",
    "django/contrib/gis/*",
    "django/contrib/humanize/*",
    "django/contrib/postgres/*",
    "django/contrib/redirects/*",
    "django/contrib/sitemaps/*",
    "django/contrib/syndication/*",
    "django/db/backends/mysql/*",
    "django/db/backends/oracle/*",
    "django/db/backends/postgresql/*",
    "boto3/data/[!s]*",
    "boto3/data/s[!3]*",
    "boto3/examples/*",
    "boto3/dynamodb/*",
    "botocore/cacert.pem",
    "botocore/data/*/examples-1.json",
    "certifi/cacert.pem",
    "dateutil/zoneinfo/*",
    "filer/admin/*",
    "polymorphic/admin/*",
    "polymorphic/formsets/*",
    "s3transfer/crt.py",
    "s3transfer/processpool.py",
    "urllib3/contrib/[!_e]*",
    "werkzeug/_reloader.py",
    "werkzeug/debug/*",
    "werkzeug/middleware/*",
    "storages/backends/[!_bs]*",
]

# Services of AWS. Everything else of botocore's and moto's 300 is left out.
_BOTOCORE_DATA = ("s3", "sts")
_MOTO = (
    "cloudwatch",
    "core",
    "events",
    "iam",
    "moto_api",
    "packages",
    "s3",
    "s3bucket_path",
    "sts",
    "utilities",
)

#: Files of the project, as paths or globs below its root. They keep their place relative to each other.
PROJECT = ["conf/**/*.py", "examples/cloud/**/*.py", "examples/gallery/**/*"]

#: Where a notebook runs, below the project's root.
WORKING_DIRECTORY = "examples/notebooks"

#: Environment variables of the interpreter.
ENVIRONMENT: dict[str, str] = {}

#: Files of the standard library that are left out. A star stands for any part of a path.
STANDARD_LEFT_OUT = [
    # Encodings of other times
    "encodings/big5*",
    "encodings/cp[!1]*",
    "encodings/cp1[!2]*",
    "encodings/cp125[!2]*",
    "encodings/euc_*",
    "encodings/gb*",
    "encodings/hp_*",
    "encodings/hz*",
    "encodings/iso*_[!1]*",
    "encodings/iso2022*",
    "encodings/iso8859_1[!5]*",
    "encodings/johab*",
    "encodings/ko*",
    "encodings/kz*",
    "encodings/mac_*",
    "encodings/palmos*",
    "encodings/ptcp*",
    "encodings/shift_*",
    "encodings/tis*",
    # Debuggers, servers and clients of the network, and formats that nobody keeps in a bucket
    "_pyrepl/*",
    "asyncio/tools*",
    "bdb.py",
    "cProfile.py",
    "ftplib.py",
    "idlelib/*",
    "imaplib.py",
    "mailbox.py",
    "modulefinder.py",
    "multiprocessing/dummy/*",
    "multiprocessing/popen_*",
    "multiprocessing/resource_*",
    "multiprocessing/sharedctypes.py",
    "netrc.py",
    "pdb.py",
    "pickletools.py",
    "poplib.py",
    "profile.py",
    "profiling/*",
    "pstats.py",
    "pyclbr.py",
    "pydoc.py",
    "pydoc_data/*",
    "sre_*",
    "symtable.py",
    "tabnanny.py",
    "trace.py",
    "turtle*",
    "wave.py",
    "xmlrpc/*",
    "zipapp.py",
]

#: Files that must be there even if they were imported already, because something lists their folder, or
#: imports them anew, as notebooks do with ``reload``.
LISTED = r"/(migrations|commands|templatetags)/|^/project/|/easy_thumbnails/|/filer/"

#: Files that every session reads. moto's S3 asks anew for its addresses whenever it starts.
AT_ONCE = r"/moto/s3/urls\.pyc$"

#: What the site has for the browser only if somebody fetched it.
NEEDS = {
    "pillow": (
        "This makes pictures with Pillow, which this site doesn't offer for the browser. It ran when the "
        "site was built."
    ),
}


def keeps(path: str) -> bool:
    """Tell whether a file of a distribution is packed.

    :param path: its path below ``site-packages``.
    """
    parts = path.split("/")
    if parts[:2] == ["botocore", "data"] and len(parts) > 3:
        return parts[2] in _BOTOCORE_DATA and not fnmatchcase(path, "*/examples-1.json")
    if parts[0] == "moto" and len(parts) > 2 and parts[1] not in _MOTO:
        return False
    languages = [after for before, after in itertools.pairwise(parts[:-1]) if before == "locale"]
    if languages not in ([], ["en"]):
        return False
    return not any(fnmatchcase(path, pattern) for pattern in LEFT_OUT)


def rewrite(path: str, content: bytes) -> bytes:
    """Make a packed file smaller.

    :param path: its path below ``site-packages``.
    :param content: what it holds.
    :returns: what it holds in the browser.
    """
    if path == "moto/iam/aws_managed_policies.py":
        # Five megabytes of policies for roles, which no notebook has.
        return b'aws_managed_policies_data = "{}"\n'
    if path == "botocore/data/partitions.json":
        return _partitions(content)
    if path == "botocore/data/endpoints.json":
        return _endpoints(content)
    if path.startswith(("botocore/data/", "boto3/data/")) and path.endswith(".json"):
        return _dumped(_undocumented(json.loads(content)))
    return content


def _partitions(content: bytes) -> bytes:
    """Keep the partition that Amazon's public regions are in."""
    data = json.loads(content)
    data["partitions"] = [one for one in data["partitions"] if one["id"] == "aws"]
    return _dumped(data)


def _endpoints(content: bytes) -> bytes:
    """Keep the endpoints of the services that are packed, in the partition of Amazon's public regions."""
    data = json.loads(content)
    data["partitions"] = [one for one in data["partitions"] if one["partition"] == "aws"]
    for partition in data["partitions"]:
        services = partition["services"].items()
        partition["services"] = {name: what for name, what in services if name in _BOTOCORE_DATA}
    return _dumped(data)


def _undocumented(data: Any) -> Any:
    """Take the documentation out of the model of a service."""
    if isinstance(data, dict):
        # Of the parameters of a client botocore reads the documentation too.
        return {
            name: value if name == "clientContextParams" else _undocumented(value)
            for name, value in data.items()
            if not (name in ("documentation", "documentationUrl") and isinstance(value, str))
        }
    return [_undocumented(item) for item in data] if isinstance(data, list) else data


def _dumped(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
