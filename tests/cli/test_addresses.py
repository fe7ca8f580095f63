"""An App is named as module:name, and a wrong name says what is wrong with it."""


def test_an_address_without_a_colon_shows_how_to_write_one(millrace):
    ran = millrace("graph", "app")
    assert ran.returncode == 1
    assert ran.stderr == "'app' is no address of an App. Write module:name, such as app:app.\n"


def test_a_module_that_is_not_there_is_named(millrace):
    ran = millrace("graph", "nowhere:app")
    assert ran.returncode == 1
    assert "There is no module 'nowhere'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_module_that_cannot_import_what_it_needs_is_not_called_missing(millrace, tmp_path):
    (tmp_path / "broken.py").write_text("import something_that_is_not_installed\n")
    ran = millrace("graph", "broken:app")
    assert "something_that_is_not_installed" in ran.stderr
    assert "There is no module 'broken'" not in ran.stderr


def test_a_name_that_is_no_app_is_answered_with_those_that_are(millrace):
    ran = millrace("graph", "app:business")
    assert ran.returncode == 1
    assert ran.stderr == "The module 'app' has no App called 'business'. It has: app.\n"


def test_a_function_that_makes_an_app_will_do(millrace):
    assert millrace("graph", "app:create_app").stdout.startswith("flowchart")


def test_a_tenant_where_there_are_none_is_no_tenant(millrace):
    ran = millrace("verify", "app:app", "--tenant", "acme")
    assert ran.returncode == 1
    assert ran.stderr == (
        "The records of this App have no tenants. For those that do, build it with "
        '`Settings(tenancy="required")`.\n'
    )


def test_a_host_that_is_none_is_named(millrace):
    ran = millrace("run", "app:app", "--host", "nowhere.invalid", "--port", "0")
    assert ran.returncode == 1
    assert ran.stderr.startswith("Nobody can listen on port 0 of nowhere.invalid (")
    assert "Traceback" not in ran.stderr
