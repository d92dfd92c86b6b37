"""The upload forms. An ``ImageField`` opens what it is given with Pillow and refuses what is no picture."""

from django import forms

from gallery.models import Document, Photo

PhotoForm = forms.modelform_factory(Photo, fields=["title", "image"])
DocumentForm = forms.modelform_factory(Document, fields=["title", "file"])
