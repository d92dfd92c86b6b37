"""The pages: a list of each kind that also takes uploads, a photo on its own, and deletion."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from gallery.forms import DocumentForm, PhotoForm
from gallery.models import Document, Photo

_accept_form = require_http_methods(["GET", "HEAD", "POST"])


@_accept_form
def photos(request: HttpRequest) -> HttpResponse:
    """Show all photos as thumbnails, and take another.

    A thumbnail is made when a page shows it first. From then on the page asks the storage for nothing: sizes
    are columns, and an address is computed, not fetched.

    :param request: A ``POST`` is an upload.
    :returns: The page, or a redirect to it after an upload.
    """
    return _uploads(request, PhotoForm, "photos", Photo)


@require_safe
def photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one photo in full.

    :param request: The request.
    :param pk: The photo's primary key.
    :returns: The page.
    :raises django.http.Http404: If there is no such photo.
    """
    return render(request, "gallery/photo.html", {"photo": get_object_or_404(Photo, pk=pk)})


@_accept_form
def delete_photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to delete a photo, and delete it.

    :param request: A ``POST`` is the answer yes.
    :param pk: The photo's primary key.
    :returns: The question, or a redirect to the photos.
    :raises django.http.Http404: If there is no such photo.
    """
    return _delete(request, get_object_or_404(Photo, pk=pk), "photos")


@_accept_form
def documents(request: HttpRequest) -> HttpResponse:
    """Show all documents as links, and take another.

    :param request: A ``POST`` is an upload.
    :returns: The page, or a redirect to it after an upload.
    """
    return _uploads(request, DocumentForm, "documents", Document)


@_accept_form
def delete_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to delete a document, and delete it.

    :param request: A ``POST`` is the answer yes.
    :param pk: The document's primary key.
    :returns: The question, or a redirect to the documents.
    :raises django.http.Http404: If there is no such document.
    """
    return _delete(request, get_object_or_404(Document, pk=pk), "documents")


def _uploads(
    request: HttpRequest, form_class: type[ModelForm[Any]], page: str, model: type[Photo] | type[Document]
) -> HttpResponse:
    form = form_class(request.POST, request.FILES) if request.method == "POST" else form_class()
    if form.is_valid():
        upload = form.save()
        _tell(request, f"“{upload}” is uploaded.")
        return redirect(page)
    return render(request, f"gallery/{page}.html", {"form": form, page: model._default_manager.all()})


def _delete(request: HttpRequest, upload: Model, page: str) -> HttpResponse:
    if request.method == "POST":
        upload.delete()
        _tell(request, f"“{upload}” is deleted.")
        return redirect(page)
    return render(request, "gallery/delete.html", {"upload": upload, "back": reverse(page)})


def _tell(request: HttpRequest, sentence: str) -> None:
    # Not every project that uses the gallery has the messages framework.
    messages.success(request, sentence, fail_silently=True)
