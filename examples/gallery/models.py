"""What visitors upload.

The fields name no storage: files go where ``STORAGES["default"]`` says, and no migration holds a key or a
bucket.
"""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath

from django.db import models
from django.urls import reverse


def photo_name(photo: Photo, filename: str) -> str:
    """Name the object of an uploaded photo.

    :param photo: The photo; not asked for anything.
    :param filename: The name that the visitor's file has. Only its extension is kept.
    :returns: A name that no other upload gets, such as ``photos/5d2c….jpg``.
    """
    return f"photos/{_unique(filename)}"


def document_name(document: Document, filename: str) -> str:
    """Name the object of an uploaded document.

    :param document: The document; not asked for anything.
    :param filename: The name that the visitor's file has. Only its extension is kept.
    :returns: A name that no other upload gets, such as ``documents/5d2c….pdf``.
    """
    return f"documents/{_unique(filename)}"


def _unique(filename: str) -> str:
    # Asking the storage for a free name is a race between instances; a uuid is free without asking. An
    # extension may be as long as the visitor likes, the column isn't.
    return f"{uuid.uuid4().hex}{PurePosixPath(filename).suffix.lower()[:12]}"


class Photo(models.Model):
    """A picture. Its width and height are columns, so that no page has to read the file for them.

    Django fills both from a file that has a name, as an upload does. In code, give it one:
    ``Photo.objects.create(title="Alps", image=ContentFile(data, name="alps.jpg"))``.
    """

    title = models.CharField(max_length=80)
    image = models.ImageField(
        upload_to=photo_name,
        width_field="width",
        height_field="height",
    )
    # Nullable, because a row may be older than its columns: that is a lesson of its own.
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    uploaded = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The newest photo comes first."""

        ordering = ["-uploaded", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """:returns: The address of the photo's page."""
        return reverse("photo", args=[self.pk])


class Document(models.Model):
    """A file of any kind."""

    title = models.CharField(max_length=80)
    file = models.FileField(upload_to=document_name)
    uploaded = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The newest document comes first."""

        ordering = ["-uploaded", "-pk"]

    def __str__(self) -> str:
        return self.title
