-- What became known since the publication before, and what is no longer known (where the as-of date moved back), row by
-- row, with what such a row does to its record. Empty for a first publication.

{% set keys = {
    'states': 'iso3',
    'treaty_actions': 'action_id',
    'obligations': 'obligation_id',
    'article7_reports': 'report_id',
    'article7_answers': "concat(report_id, '|', indicator_id)",
    'meetings': 'meeting_id',
    'meeting_participants': 'registration_id',
    'meeting_statements': 'statement_id',
    'contributions': 'contribution_id',
    'extension_requests': 'request_id',
    'completion_declarations': 'declaration_id',
    'stockpile_discoveries': 'discovery_id',
    'compliance_cases': 'case_id',
} %}

with

run_settings as (
    select * from {{ source('control', 'run_settings') }}
),

previous_settings as (
    select * from {{ source('control', 'previous_settings') }}
),

row_batches as (
    select * from {{ source('control', 'row_batches') }}
),

landed as (
    {% for dataset, key in keys.items() %}
    select
        '{{ dataset }}' as dataset,
        {{ key }} as record_key,
        record_status,
        {{ provenance('landing_rows') }}
    from {{ source('landing', dataset) }} as landing_rows
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- a row without a batch lay in the landing before both publications
compared as (
    select
        landed.*,
        landed.received_on <= previous_settings.as_of
        and coalesce(row_batches.batch, 0) <= previous_settings.batch as was_known,
        landed.received_on <= run_settings.as_of
        and coalesce(row_batches.batch, 0) <= run_settings.batch as is_known,
        previous_settings.as_of as previous_as_of
    from landed
    cross join run_settings
    cross join previous_settings
    left join row_batches
        on
            landed.dataset = row_batches.dataset
            and landed.delivery_seq = row_batches.delivery_seq
),

versions as (
    select
        *,
        max(case when was_known then 1 else 0 end) over (partition by dataset, record_key) as record_was_known,
        max(case when is_known then 1 else 0 end) over (partition by dataset, record_key) as record_is_known,
        max(case when was_known then 1 else 0 end) over (partition by dataset) as dataset_was_known,
        max(case when is_known then 1 else 0 end) over (partition by dataset) as dataset_is_known
    from compared
)

select
    dataset,
    record_key,
    record_status,
    received_on,
    file_sha256,
    file_name,
    sheet,
    row_number,
    delivery_seq,
    is_known,
    case
        when record_status = 'retracted' then 'retraction'
        when record_was_known = 1 and record_is_known = 1 then 'correction'
        when is_known and received_on <= previous_as_of then 'late'
        else 'new_report'
    end as change,
    dataset_was_known <> dataset_is_known as is_first_or_last
from versions
where was_known <> is_known
