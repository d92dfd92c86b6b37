"""The gallery's addresses, fit to be a project's ``ROOT_URLCONF``."""

from django.urls import path

from gallery import views

urlpatterns = [
    path("", views.photos, name="photos"),
    path("photos/<int:pk>/", views.photo, name="photo"),
    path("photos/<int:pk>/delete/", views.delete_photo, name="delete-photo"),
    path("documents/", views.documents, name="documents"),
    path("documents/<int:pk>/delete/", views.delete_document, name="delete-document"),
]
