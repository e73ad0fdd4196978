{#
Vaults and clients, as the pillar `split-ssh` lists them (pillar.example.sls), and dom0's policy for them.

    sudo qubesctl --skip-dom0 --targets=TEMPLATE state.apply split-ssh.template
    sudo qubesctl state.apply split-ssh

A qube whose entry names a template is made if it is missing; other qubes are only switched on. Lines of your own
belong into 30-user-split-ssh.policy, which this leaves alone.
#}
{% set wanted = salt['pillar.get']('split-ssh', {}) %}
{% for vault, entry in wanted.get('vaults', {}).items() %}
split-ssh-vault-{{ vault }}:
  qvm.vm:
    - name: {{ vault }}
{%- if entry and entry.get('template') %}
    - present:
      - template: {{ entry['template'] }}
      - label: {{ entry.get('label', 'black') }}
    - prefs:
      - netvm: ""
{%- endif %}
    - service:
      - enable:
        - split-ssh-vault
{% endfor %}
{% for client, entry in wanted.get('clients', {}).items() %}
split-ssh-client-{{ client }}:
  qvm.vm:
    - name: {{ client }}
{%- if entry.get('template') %}
    - present:
      - template: {{ entry['template'] }}
      - label: {{ entry.get('label', 'blue') }}
{%- endif %}
    - service:
      - enable:
        - split-ssh-client
{%- if entry.get('keyring') %}
    - features:
      - set:
        - vm-config.split-ssh-keyring: {{ entry['keyring'] }}
{%- endif %}
{% endfor %}
split-ssh-policy:
  file.managed:
    - name: /etc/qubes/policy.d/30-split-ssh-salt.policy
    - source: salt://split-ssh/policy.jinja
    - template: jinja
    - user: root
    - group: qubes
    - mode: '0664'
