"""Pages of the appliances."""

from django.urls import path, re_path

from agents.pages import new_run, run_bill, views

app_name = "agents"
urlpatterns = [
    path("", views.start, name="start"),
    path("w/<slug:slug>/", views.home, name="home"),
    path("w/<slug:slug>/runs/", views.runs, name="runs"),
    path("w/<slug:slug>/runs/live/", views.live_count, name="live-count"),
    path("w/<slug:slug>/sample/", new_run.try_sample, name="try-sample"),
    path("w/<slug:slug>/settings/models/", views.models, name="models"),
    path("projects/<uuid:project_id>/", views.project, name="project"),
    path("projects/<uuid:project_id>/runs/new/", new_run.choose_template, name="new-run"),
    path("projects/<uuid:project_id>/runs/new/brief/", new_run.write_brief, name="new-run-brief"),
    path("documents/<uuid:document_id>/", views.document, name="document"),
    path("documents/<uuid:document_id>/panel/", views.panel, name="panel"),
    path("runs/<uuid:run_id>/", views.run, name="run"),
    path("runs/<uuid:run_id>/bill/", run_bill.show, name="run-bill"),
    path("runs/<uuid:run_id>/plan/", new_run.show_plan, name="run-plan"),
    path("runs/<uuid:run_id>/tasks/<int:number>/remove/", new_run.remove_task, name="task-remove"),
    re_path(
        r"^runs/(?P<run_id>[0-9a-f-]{36})/(?P<action>start|pause|resume|stop)/$", views.run_action, name="run-action"
    ),
]
