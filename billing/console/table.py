"""The base of the console's tables of the meter."""

from django.contrib import admin

from wukong.kernel.http.console import InWords, OperatorsOnly


class Table(OperatorsOnly, InWords, admin.ModelAdmin):  # type: ignore[type-arg]
    """A table to look at: newest first, counted only as far as a page goes."""

    show_full_result_count = False
    ordering = ["-id"]
    list_per_page = 50
