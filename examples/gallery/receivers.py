"""Delete objects together with their rows.

Receivers rather than :meth:`~django.db.models.Model.delete`, because a queryset's ``delete()`` doesn't call
that. The row goes first: an object that nobody knows costs little, a row without its object breaks a page.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from easy_thumbnails.files import get_thumbnailer

from gallery.models import Document, Photo


@receiver(post_delete, sender=Photo)
def delete_picture(instance: Photo, **_: Any) -> None:
    """Delete a photo's object and all its thumbnails through their storages.

    :param instance: The photo whose row was deleted.
    """
    if instance.image:
        transaction.on_commit(partial(get_thumbnailer(instance.image).delete, save=False))


@receiver(post_delete, sender=Document)
def delete_file(instance: Document, **_: Any) -> None:
    """Delete a document's object through its storage.

    :param instance: The document whose row was deleted.
    """
    if instance.file:
        transaction.on_commit(partial(instance.file.delete, save=False))
