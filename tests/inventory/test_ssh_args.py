"""Of the options for ssh only jump host, known hosts, key and key alias are taken."""

import pytest

from agent.inventory.ssh_args import SshArgs, read_ssh_args


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SshArgs()),
        ("-J a@b:22", SshArgs(jump="a@b:22")),
        ("-Ja,b", SshArgs(jump="a,b")),
        ("-o ProxyJump=a -o ProxyJump=b", SshArgs(jump="a")),
        ("-oproxyjump=a", SshArgs(jump="a")),
        ("-o 'ProxyJump a'", SshArgs(jump="a")),
        ("-o ProxyJump=none", SshArgs()),
        ("-o ControlMaster=auto -o ControlPersist=60s -C -p 22 -F x -i k", SshArgs(key_file="k")),
        ("-o UserKnownHostsFile='a b'", SshArgs(known_hosts="a")),
        ("-o UserKnownHostsFile=/dev/null", SshArgs()),
        ("-o HostKeyAlias=db1", SshArgs(key_alias="db1")),
        ('-o ProxyCommand="ssh -W %h:%p -q -l op bastion"', SshArgs(jump="op@bastion")),
        ("-o ProxyCommand='ssh -p 2222 -W [%h]:%p bastion'", SshArgs(jump="bastion:2222")),
        ("-o ProxyCommand=none", SshArgs()),
    ],
)
def test_what_is_taken(text, expected):
    """As in ssh, the first value of an option counts."""
    assert read_ssh_args(text) == expected


@pytest.mark.parametrize(
    "text", ["-J 'a", "-o ProxyCommand='nc %h %p'", "-o ProxyCommand='ssh -W %h:%p a b'"]
)
def test_what_cannot_be_understood_is_refused(text):
    """Going another way than the one that was asked for would be worse than not going."""
    with pytest.raises(ValueError, match=r"quotation|jump host"):
        read_ssh_args(text)
