"""Folders in folders: what each holds with all that is below it, and where it is."""

from uuid import UUID

from framework import Entity, Every, Field, Formula, Lookup, Relationship, Sum, computed


class Folder(Entity, table=True):
    name: str
    size: int = 0
    locked: bool = False
    parent_id: UUID | None = Field(default=None, foreign_key="folder.id", ondelete="CASCADE")
    parent: "Folder" = Relationship(by="parent_id", back_populates="folders")
    folders: list["Folder"] = Relationship(by="parent_id", back_populates="parent")

    below: int = computed(Sum(folders, lambda folder: folder.total))
    total: int = computed(Formula(lambda folder: folder.size + folder.below))
    all_locked: bool = computed(Every(folders, lambda folder: folder.is_sealed))
    is_sealed: bool = computed(Formula(lambda folder: folder.locked and folder.all_locked))
    place: str = computed(Lookup(parent, lambda folder: folder.path, missing=""))
    path: str = computed(Formula(lambda folder: f"{folder.place}/{folder.name}"))


MODULE = [Folder]
