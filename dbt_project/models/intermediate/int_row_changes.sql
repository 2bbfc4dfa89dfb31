-- The rows that one of the two publications knows and the other does not, of records of which another version counts,
-- or none; with what happened to the record. Words that no rule reads (a title, evidence) are not compared. Empty for a
-- first publication.

{% set records = {
    'states': ('iso3', ['un_region']),
    'treaty_actions': ('action_id', ['iso3', 'action', 'deposited_on', 'effective_on']),
    'obligations': ('obligation_id', ['iso3', 'kind', 'starts_on', 'ends_on', 'end_reason', 'deadline']),
    'article7_reports': (
        'report_id', ['iso3', 'reporting_year', 'submitted_on', 'uses_guide', 'has_implementation_update'],
    ),
    'article7_answers': ("concat(report_id, '|', indicator_id)", ['plan_version', 'answer']),
    'meetings': ('meeting_id', ['kind', 'starts_on']),
    'meeting_participants': (
        'registration_id',
        [
            'meeting_id', 'delegation_kind', 'iso3', 'gender', 'is_mine_victim', 'attended', 'person_key',
            'organization_key',
        ],
    ),
    'meeting_statements': ('statement_id', ['meeting_id', 'iso3', 'topic', 'case_id']),
    'contributions': ('contribution_id', ['iso3', 'year', 'kind', 'amount', 'dated_on']),
    'extension_requests': (
        'request_id',
        [
            'iso3', 'submitted_on', 'clearance_detailed', 'clearance_costed', 'clearance_multiyear',
            'risk_education_detailed', 'risk_education_costed', 'risk_education_multiyear',
        ],
    ),
    'completion_declarations': ('declaration_id', ['iso3', 'declared_on', 'voluntary_declaration']),
    'stockpile_discoveries': ('discovery_id', ['iso3', 'discovered_on', 'reported_on', 'destroyed_on']),
    'compliance_cases': ('case_id', ['iso3', 'article', 'opened_on', 'closed_on']),
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
    {% for dataset, (key, columns) in records.items() %}
    select
        '{{ dataset }}' as dataset,
        {{ key }} as record_key,
        record_status,
        concat(
            {% for column in columns %}
            coalesce(cast({{ column }} as {{ dbt.type_string() }}), ''), '|'{{ ',' if not loop.last }}
            {% endfor %}
        ) as content,
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

datasets as (
    select
        dataset,
        max(case when was_known then 1 else 0 end) <> max(case when is_known then 1 else 0 end) as is_first_or_last
    from compared
    group by dataset
),

versions as (
    select
        compared.*,
        row_number() over (
            partition by dataset, record_key, was_known
            order by received_on desc, delivery_seq desc
        ) as place_before,
        row_number() over (
            partition by dataset, record_key, is_known
            order by received_on desc, delivery_seq desc
        ) as place_now
    from compared
),

-- the version that counted, and the one that counts; a retracted record has none
records as (
    select
        dataset,
        record_key,
        max(case when was_known then 1 else 0 end) = 1 as was_known,
        max(case when is_known then 1 else 0 end) = 1 as is_known,
        max(case when was_known and place_before = 1 and record_status = 'active' then content end) as old_content,
        max(case when is_known and place_now = 1 and record_status = 'active' then content end) as new_content,
        max(case when is_known and place_now = 1 then received_on end) as received_on,
        max(previous_as_of) as previous_as_of
    from versions
    group by dataset, record_key
    having max(case when was_known <> is_known then 1 else 0 end) = 1
)

select
    versions.dataset,
    versions.record_key,
    versions.record_status,
    versions.received_on,
    versions.file_sha256,
    versions.file_name,
    versions.sheet,
    versions.row_number,
    versions.delivery_seq,
    versions.is_known,
    case
        when records.was_known and records.is_known and records.new_content is null then 'retraction'
        when records.was_known and records.is_known then 'correction'
        when records.is_known and records.received_on <= records.previous_as_of then 'late'
        else 'new_report'
    end as change,
    (records.old_content is null) <> (records.new_content is null) as is_other_existence,
    datasets.is_first_or_last
from versions
inner join records
    on
        versions.dataset = records.dataset
        and versions.record_key = records.record_key
inner join datasets on versions.dataset = datasets.dataset
where
    versions.was_known <> versions.is_known
    and (records.old_content is distinct from records.new_content or datasets.is_first_or_last)
