"""The application's configuration."""

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Photos and documents that visitors upload."""

    name = "gallery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers that delete objects together with their rows."""
        from gallery import receivers  # noqa: F401
