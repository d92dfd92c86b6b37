"""A small Django project that keeps its media where ``DEFAULT_STORAGE_DSN`` says.

Copy this file and its two neighbours, ``storage.py`` and ``debug.py``, into your project. What is for the
examples only says so.
"""

import os

from conf.storage import storage_entry

# For the examples only: in production leave the default out, so that a deploy without a key stops at once.
SECRET_KEY = os.environ.get("SECRET_KEY", "insecure-and-for-the-examples-only")

# Off unless you ask for it: a debug page tells strangers about your code.
DEBUG = os.environ.get("DEBUG", "").lower() in {"1", "true", "yes"}

ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")

# Django hides keys and passwords on its debug pages, but knows nothing of DSNs.
DEFAULT_EXCEPTION_REPORTER_FILTER = "conf.debug.ReporterFilter"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "easy_thumbnails",
    "gallery",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# A cookie, so that the project needs no sessions.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

ROOT_URLCONF = "gallery.urls"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# For the examples only: a database in memory is empty at each start. A project on a platform has a database
# server.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE_PATH", ":memory:"),
    },
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True


def media_dsn() -> str:
    """Return the DSN of the media storage.

    It is a function, because an error report that prints variables would print the secret of a variable.

    :returns: what the platform set; without it, the DSN of a bucket that moto serves within the process.
    """
    return os.environ.get("DEFAULT_STORAGE_DSN", "s3://testing:testing@media.s3.eu-central-1.amazonaws.com/")


STORAGES = {
    # Every FileField without a storage of its own, and default_storage.
    "default": storage_entry(media_dsn()),
    # Static files belong to the release, not to your users: they stay out of the bucket.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # easy-thumbnails 2.10 and newer look for this alias first, then take the default storage. The bucket is
    # the same, but a thumbnail that is made again replaces the old one, where an upload must never replace
    # another.
    "easy_thumbnails": storage_entry(media_dsn(), overwrite=True),
}

# There is no MEDIA_ROOT, on purpose: no code may count on a local directory. MEDIA_URL is for a file:// DSN
# without the option "url".
MEDIA_URL = "/media/"
STATIC_URL = "/static/"

THUMBNAIL_ALIASES = {
    "": {"list": {"size": (240, 180), "crop": True}},
}
