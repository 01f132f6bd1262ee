"""What ansible-vault 2.19 encrypted is opened with its password, late, and with no other."""

import pytest

from agent import secrets
from agent.errors import BadInventory
from agent.inventory import Inventory, read_inventory
from agent.secrets import MASK, Secret, mask

# Both made by ansible-vault with this password: a file of group_vars, and a string of the id `prod`.
PASSWORD = 'tiger "x"'
FILE = """$ANSIBLE_VAULT;1.1;AES256
35303234353038623931616537663033333365346634313335316435353265333237333164336236
3037363632373938393266313632316533643164353838300a663463386261343533323264386261
35363234656630386261363831363038383734653565623239303962393265653861663662626263
3461313438633131320a646534643338613465353433323662303630323638346633363739343536
64326535386430663466616465633132363931303263396532633565626438656465613339623038
30303638646436313564363262663738313836313636306461616633353436363063316335633136
30616439643738303164326234373161396162643664626238346662336531633131356438373961
31396432313234613831643835343937336563303730626635366464363438323665383832653539
66346465376639353363656263383634326139343432376463373463336634626433386365623533
66663361636166323337326238366462343036653233623130333730313761373735656466356261
32643763373963313965373634636561303566336361306664643132636430313433333836613664
30393937356261666439363639383338323035313533343336393663356137373538343434393961
6330
"""
STRING = """!vault |
  $ANSIBLE_VAULT;1.2;AES256;prod
  38646137343430363137376530643235653436353439626539386363353734353936313861613933
  6364346537653634333362396230326565666235353466320a373665303866626563303535343264
  66613539666662316139353962623534316631383335353161383437653264333830393231653165
  3665336530653631380a353234616561303233366236613239613637346364366164663737386435
  3761
"""
HOSTS = """
all:
  hosts:
    h:
      serves: {redis: {supervisor: systemd, unit: redis-server, password: "{{ vault_redis_password }}"}}
      api_password: """ + STRING.replace("\n", "\n      ")


@pytest.fixture(autouse=True)
def _nothing_masked_after(monkeypatch):
    """What is revealed here are common words: no other test may see them masked."""
    monkeypatch.setattr(secrets, "_seen", set())


@pytest.fixture
def password(folder, monkeypatch):
    """The password in a file that Ansible's own variable leads to."""
    monkeypatch.delenv("ANSIBLE_VAULT_IDENTITY_LIST", raising=False)
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(folder.write("pass", PASSWORD + "\n")))


def world(folder) -> Inventory:
    """An inventory with both."""
    folder.write("group_vars/all/vault.yml", FILE)
    return folder.read(HOSTS)


def test_an_encrypted_string_is_opened_when_it_is_sent(folder, password):
    """Until then it is a reference that says where it stands; then it is masked, the password too."""
    secret = folder.read(HOSTS).hosts["h"].vars["api_password"]
    assert repr(secret) == f"Secret(!vault {folder.path}/hosts.yml:6)"
    assert secret.reveal() == "s3cret"
    assert mask(f"s3cret {PASSWORD}") == f"{MASK} {MASK}"


def test_an_encrypted_file_is_opened_its_secrets_stay_references(folder, password):
    """Connection variables and a service's plain settings are read, every other text is a secret."""
    found = world(folder).hosts["h"]
    assert found.user == "operator"
    assert found.service("redis").number("port") == 6390
    note = found.vars["nested"]["note"]
    assert isinstance(note, Secret)
    assert note.reveal() == "a note"
    assert found.vars["nested"]["list"][1]["api_token"].reveal() == "two"
    assert isinstance(found.vars["vault_redis_password"], Secret)
    assert "hun'ter2" not in repr(found)


def test_a_plain_file_refers_to_the_vault(folder, password):
    """`{{ vault_x }}`, as teams write it, is the secret of that name."""
    password_of = world(folder).hosts["h"].service("redis").secret("password")
    assert password_of is not None
    assert password_of.reveal() == "hun'ter2 비밀"


def test_ids_have_passwords_of_their_own(folder, monkeypatch):
    """Every known one is tried; a program may print it."""
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    program = folder.write("say", f"#!/bin/sh\necho '{PASSWORD}'\n")
    program.chmod(0o700)
    wrong = folder.write("wrong", "lion")
    monkeypatch.setenv("ANSIBLE_VAULT_IDENTITY_LIST", f"dev@{wrong}, prod@{program}")
    assert folder.read(HOSTS).hosts["h"].vars["api_password"].reveal() == "s3cret"
    monkeypatch.setenv("ANSIBLE_VAULT_IDENTITY_LIST", f"dev@{wrong}")
    with pytest.raises(BadInventory, match=r"hosts\.yml:6: .* password does not open it"):
        folder.read(HOSTS).hosts["h"].vars["api_password"].reveal()


def test_what_is_encrypted_needs_its_password(folder, monkeypatch):
    """A file of which nothing can be read is named, with the variable to set."""
    for name in ("ANSIBLE_VAULT_IDENTITY_LIST", "ANSIBLE_VAULT_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadInventory, match=r"vault\.yml: .*no vault password.*ANSIBLE_VAULT_PASSWORD_FILE"):
        world(folder)


@pytest.mark.parametrize("harm", [("AES256\n35", "AES256\n36"), ("3461", "3462"), ("6330", "6331")])
def test_an_altered_file_is_not_opened(folder, password, harm):
    """Its proof (HMAC) covers all of it."""
    folder.write("group_vars/all/vault.yml", FILE.replace(*harm))
    with pytest.raises(BadInventory, match=r"vault\.yml"):
        folder.read("all: {hosts: {h: }}")


def test_what_is_no_vault_is_said(folder, password):
    """Cut off or of another version."""
    for text in ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "$ANSIBLE_VAULT;9\n00\n", "$ANSIBLE_VAULT"):
        folder.write("group_vars/all/vault.yml", text)
        with pytest.raises(BadInventory, match=r"vault\.yml: expected what ansible-vault encrypts"):
            folder.read("all: {hosts: {h: }}")


def test_a_whole_inventory_may_be_encrypted(folder, password):
    """The file of hosts itself."""
    assert read_inventory(folder.write("a.yml", "all: {hosts: {h: }}"), folder.write("v.yml", "")).hosts
    with pytest.raises(BadInventory, match=r"v\.yml:.*vault_redis_password should be"):
        read_inventory(folder.write("v.yml", FILE))
