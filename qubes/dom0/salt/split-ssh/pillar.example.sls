# An example: copy it to /srv/user_pillar/split-ssh.sls in dom0, change it, and name it in a top file there.
split-ssh:
  action: ask           # what dom0 does with each connection: ask or allow; the vault's policy asks on its own
  notify: false         # whether dom0 shows a notification for each
  vaults:
    vault:
      template: debian-13
      label: black
  clients:
    work-dev:           # a qube that is there
      vault: vault
      keyring: work
    admin:              # made if it is missing; its keyring is `default`
      vault: vault
      template: debian-13
      label: red
