"""Settings: what is refused, what wins, and that secrets stay secret."""

import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from forecourt.platform.errors import SettingsError
from forecourt.platform.settings import Settings, days, load
from tests.support import WAIT_S


def test_without_any_variable_the_defaults_hold() -> None:
    settings = load({"PATH": "/usr/bin"})
    assert (settings.data_dir, settings.web_port, settings.ocpp_port) == (Path("./var"), 8000, 9000)
    assert settings.database_url is None


def test_a_misspelt_variable_is_refused_and_the_right_one_is_suggested() -> None:
    with pytest.raises(SettingsError, match=r"FORECOURT_WEB_PROT.*FORECOURT_WEB_PORT"):
        load({"FORECOURT_WEB_PROT": "8001"})


def test_a_misspelt_key_of_the_file_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "forecourt.toml"
    file.write_text("ocpp_prot = 9001\n")
    with pytest.raises(SettingsError, match=r"'ocpp_prot' in .*forecourt\.toml"):
        load({}, file)


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "forecourt.toml"
    file.write_text('web_port = 8001\nocpp_port = 9001\ndatabase_pool = 7\ndata_dir = "/srv/forecourt"\n')
    settings = load({"FORECOURT_CONFIG": str(file), "FORECOURT_OCPP_PORT": "9002"})
    assert (settings.web_port, settings.ocpp_port, settings.database_pool_size) == (8001, 9002, 7)
    assert settings.data_dir == Path("/srv/forecourt")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FORECOURT_WEB_PORT", "eighty"),
        ("FORECOURT_WEB_PORT", "70000"),
        ("FORECOURT_DATABASE_POOL", "0"),
        ("FORECOURT_OCPP_TRANSPORT", "carrier-pigeon"),
        ("FORECOURT_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({name: value})


def test_the_last_days_of_the_audit_can_t_be_set_to_be_forgotten() -> None:
    with pytest.raises(SettingsError, match="FORECOURT_KEEP_AUDIT_DAYS"):
        load({"FORECOURT_KEEP_AUDIT_DAYS": "89"})
    assert days(load({"FORECOURT_KEEP_AUDIT_DAYS": "90"}).keep_audit_days) == timedelta(days=90)
    assert days(load({"FORECOURT_KEEP_AUDIT_DAYS": "0"}).keep_audit_days) is None


def test_half_of_a_tls_setup_is_refused() -> None:
    with pytest.raises(SettingsError, match="all or none"):
        load({"FORECOURT_OCPP_TLS_PORT": "9443"})


def test_a_child_given_the_environment_of_settings_loads_the_same_settings(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url="postgresql://forecourt:secret@db/forecourt",
        database_pool_size=9,
        ocpp_tls_port=9443,
        ocpp_tls_cert=Path("c.pem"),
        ocpp_tls_key=Path("k.pem"),
    )
    assert load(settings.environment()) == settings


def test_settings_never_show_a_secret() -> None:
    settings = Settings(secret_key="s3cret", bootstrap_api_key="s3cret", database_url="postgresql://u:s3cret@db/x")
    assert "s3cret" not in repr(settings) + str(settings)


def test_the_generated_key_is_kept_and_readable_by_nobody_else(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    key = settings.secret()
    assert len(key) >= 32
    assert Settings(data_dir=tmp_path / "var").secret() == key
    assert stat.S_IMODE((tmp_path / "var" / "secret.key").stat().st_mode) == 0o600


def test_processes_that_make_the_key_at_once_agree_on_one(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from forecourt.platform.settings import Settings as S;"
    code += "print(S(data_dir=Path(sys.argv[1])).secret().decode())"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    keys = {process.communicate(timeout=WAIT_S)[0] for process in started}
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
