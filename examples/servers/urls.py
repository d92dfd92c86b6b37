"""The gallery's addresses, and the files of a storage whose addresses lead to the instance itself."""

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.urls import include, path


def media(request: HttpRequest, name: str) -> FileResponse:
    """Deliver a file of the default storage.

    :param request: The request.
    :param name: The file's name.
    :returns: The file.
    :raises django.http.Http404: If there is no such file.
    """
    try:
        return FileResponse(default_storage.open(name))
    except FileNotFoundError:
        raise Http404(f"There is no file {name}.") from None


urlpatterns = [path("media/<path:name>", media), path("", include("gallery.urls"))]
