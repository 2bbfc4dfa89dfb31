{# The as-of date A: the day of knowledge of this run. #}
{% macro as_of() -%}
    (select settings.as_of from {{ source('control', 'run_settings') }} as settings)
{%- endmacro %}

{# The plan version to which ids without one belong. #}
{% macro configured_plan() -%}
    (select settings.plan_version from {{ source('control', 'run_settings') }} as settings)
{%- endmacro %}

{#
  The versions of a dataset's records that count at A: of the versions received by A the one with the latest
  received_on (tie: the greatest delivery_seq), and no record at all where that version is a retraction
  (semantics.md, Which version of a row counts).
#}
{% macro counting_versions(dataset, key) -%}
    select landed.*
    from {{ source('landing', dataset) }} as landed
    where
        landed.record_status = 'active'
        and landed.delivery_seq in (
            {{ latest_versions(dataset, key) }}
        )
{%- endmacro %}

{#
  The delivery_seq of the version of each record that counts at A, be it a retraction. They are found by their keys
  alone, and what they say is read afterwards: texts need not be sorted. Day and place in the order of delivery are
  one number, of which the greatest is found in half the time that a window takes: room is left for 10^12 rows.
#}
{% macro latest_versions(dataset, key) -%}
    {%- set room = 1000000000000 -%}
    select
        max({{ days_of_era('versions.received_on') }} * {{ room }} + versions.delivery_seq) % {{ room }} as delivery_seq
    from {{ source('landing', dataset) }} as versions
    where versions.received_on <= {{ as_of() }}
    group by {% for column in key %}versions.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{# Where a row stands: the columns that lead from a record to its file. #}
{% macro provenance(alias) -%}
    {{ alias }}.received_on,
    {{ alias }}.source_ref,
    {{ alias }}.delivery_seq,
    {{ alias }}.file_sha256,
    {{ alias }}.file_name,
    {{ alias }}.sheet,
    {{ alias }}.row_number,
    {{ alias }}.place
{%- endmacro %}

{# The treaty actions by which a state consents to be bound. #}
{% macro consent_actions() -%}
    'ratification', 'acceptance', 'approval', 'accession', 'succession'
{%- endmacro %}

{# The kinds of meetings that set the limit for payments. #}
{% macro formal_meetings() -%}
    'meeting_of_states_parties', 'review_conference'
{%- endmacro %}

{# One kind of records on which observations rest, with the columns of int_record_links; `role` is SQL. #}
{% macro rests_on(dataset, record_key, role, observations='observations') -%}
    select
        {{ observations }}.reporting_year,
        {{ observations }}.plan_version,
        {{ observations }}.indicator_id,
        {{ observations }}.member_kind,
        {{ observations }}.member_key,
        '{{ dataset }}' as dataset,
        {{ record_key }} as record_key,
        {{ role }} as role
{%- endmacro %}
