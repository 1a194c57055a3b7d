"""Pages of the house: settings, and the forms behind projects and documents."""

from django.urls import include, path

from workspaces.pages import documents, people, reading
from workspaces.pages.session import session
from workspaces.people.views import invitation

_people = [
    path("workspaces/new/", people.new_workspace, name="new-workspace"),
    path("profile/", people.profile, name="profile"),
    path("session/", session, name="session"),
    path("invitations/<str:token>/", invitation, name="invitation"),
    path("w/<slug:slug>/settings/", people.workspace_settings, name="settings"),
    path("w/<slug:slug>/settings/leave/", people.leave, name="leave"),
    path("w/<slug:slug>/settings/members/", people.members, name="members"),
    path("w/<slug:slug>/settings/members/<uuid:membership_id>/role/", people.member_role, name="member-role"),
    path("w/<slug:slug>/settings/members/<uuid:membership_id>/remove/", people.member_remove, name="member-remove"),
    path(
        "w/<slug:slug>/settings/invitations/<uuid:invitation_id>/revoke/",
        people.invitation_revoke,
        name="invitation-revoke",
    ),
    path("w/<slug:slug>/settings/keys/", people.keys, name="keys"),
    path("w/<slug:slug>/settings/keys/<uuid:key_id>/revoke/", people.key_revoke, name="key-revoke"),
]
_documents = [
    path("w/<slug:slug>/projects/new/", documents.new_project, name="new-project"),
    path("projects/<uuid:project_id>/rename/", documents.rename_project, name="rename-project"),
    path("projects/<uuid:project_id>/archive/", documents.archive_project, name="archive-project"),
    path("projects/<uuid:project_id>/sources/add/", documents.add_source, name="add-source"),
    path("projects/<uuid:project_id>/documents/new/", documents.new_document, name="new"),
    path("documents/<uuid:document_id>/reading/", reading.reading, name="reading"),
    path("documents/<uuid:document_id>/read/", reading.read, name="read"),
    path("documents/<uuid:document_id>/rename/", documents.rename_document, name="rename"),
    path("documents/<uuid:document_id>/move/", documents.move_document, name="move"),
    path("documents/<uuid:document_id>/archive/", documents.archive_document, name="archive"),
]
urlpatterns = [path("", include((_people, "people"))), path("", include((_documents, "documents")))]
