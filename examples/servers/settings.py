"""The project's settings for an instance without a web server in front of it that delivers local files."""

from conf.settings import *  # noqa: F403

ROOT_URLCONF = "servers.urls"
