{# For templates of vaults and clients; the dialog is of use only where a person looks at the screen. #}
split-ssh-installed:
  pkg.installed:
    - pkgs:
      - split-ssh
      - split-ssh-prompt
