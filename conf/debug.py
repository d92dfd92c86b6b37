"""Keep DSNs off Django's debug pages and out of its error mails."""

import re

from django.views.debug import SafeExceptionReporterFilter


class ReporterFilter(SafeExceptionReporterFilter):
    """Hide each setting, header and environment variable with ``DSN`` in its name, beside those Django hides.

    Under ``runserver`` a request's ``META`` holds the whole environment, and so ``DEFAULT_STORAGE_DSN``.
    """

    hidden_settings = re.compile(
        rf"{SafeExceptionReporterFilter.hidden_settings.pattern}|DSN", flags=re.IGNORECASE
    )
