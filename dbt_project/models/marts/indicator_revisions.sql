-- Every published value that differs from the publication before, why, and all rows that caused it. Registers of people
-- are named by their files, never by their rows.

with

changed_values as (
    select * from {{ ref('int_changed_values') }}
),

-- one line for each row, or for each file and meeting of a register
causes as (
    select
        causes.reporting_year,
        causes.plan_version,
        causes.indicator_id,
        causes.breakdown,
        causes.breakdown_value,
        causes.dataset,
        causes.record_key,
        causes.record_status,
        causes.received_on,
        causes.file_sha256,
        causes.file_name,
        causes.sheet,
        causes.row_number,
        causes.delivery_seq,
        causes.is_known,
        causes.change,
        causes.is_membership
    from {{ ref('int_revision_causes') }} as causes
    where causes.dataset <> 'meeting_participants' or causes.record_key is null
    union all
    select
        causes.reporting_year,
        causes.plan_version,
        causes.indicator_id,
        causes.breakdown,
        causes.breakdown_value,
        causes.dataset,
        registers.meeting_id as record_key,
        null as record_status,
        max(causes.received_on) as received_on,
        causes.file_sha256,
        causes.file_name,
        causes.sheet,
        null as row_number,
        null as delivery_seq,
        causes.is_known,
        case min(
            case causes.change when 'retraction' then 1 when 'correction' then 2 when 'late' then 3 else 4 end
        )
            when 1 then 'retraction'
            when 2 then 'correction'
            when 3 then 'late'
            else 'new_report'
        end as change,
        false as is_membership
    from {{ ref('int_revision_causes') }} as causes
    inner join (
        select distinct
            record_key,
            meeting_id
        from {{ ref('int_record_bearings') }}
        where
            dataset = 'meeting_participants'
            and topic = 'participations'
    ) as registers
        on causes.record_key = registers.record_key
    where causes.dataset = 'meeting_participants'
    group by
        causes.reporting_year, causes.plan_version, causes.indicator_id, causes.breakdown, causes.breakdown_value,
        causes.dataset, registers.meeting_id, causes.file_sha256, causes.file_name, causes.sheet, causes.is_known
),

-- the first reason that applies
reasons as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        breakdown,
        breakdown_value,
        case
            when max(case when is_membership then 1 else 0 end) = 1 then 'membership'
            when max(case when change = 'retraction' then 1 else 0 end) = 1 then 'retraction'
            when max(case when change = 'correction' then 1 else 0 end) = 1 then 'correction'
            when max(case when change = 'late' then 1 else 0 end) = 1 then 'late'
            else 'new_report'
        end as reason
    from causes
    group by reporting_year, plan_version, indicator_id, breakdown, breakdown_value
),

listed as (
    select
        changed_values.*,
        case
            when changed_values.is_redefined then 'definition'
            else coalesce(reasons.reason, 'time')
        end as reason,
        causes.dataset,
        causes.record_key,
        causes.record_status,
        causes.received_on,
        causes.file_sha256,
        causes.file_name,
        causes.sheet,
        causes.row_number,
        causes.delivery_seq,
        causes.is_known,
        causes.change,
        row_number() over (
            partition by
                changed_values.reporting_year, changed_values.plan_version, changed_values.indicator_id,
                changed_values.breakdown, changed_values.breakdown_value
            order by
                causes.dataset nulls last, causes.record_key nulls last, causes.received_on nulls last,
                causes.delivery_seq nulls last, causes.file_sha256 nulls last, causes.sheet nulls last,
                causes.is_known nulls last
        ) as cause_number
    from changed_values
    left join reasons
        on
            changed_values.reporting_year = reasons.reporting_year
            and changed_values.plan_version = reasons.plan_version
            and changed_values.indicator_id = reasons.indicator_id
            and changed_values.breakdown = reasons.breakdown
            and changed_values.breakdown_value = reasons.breakdown_value
    left join causes
        on
            changed_values.reporting_year = causes.reporting_year
            and changed_values.plan_version = causes.plan_version
            and changed_values.indicator_id = causes.indicator_id
            and changed_values.breakdown = causes.breakdown
            and changed_values.breakdown_value = causes.breakdown_value
)

select
    cast(reporting_year as int) as reporting_year,
    cast(plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(indicator_id as {{ dbt.type_string() }}) as indicator_id,
    cast(breakdown as {{ dbt.type_string() }}) as breakdown,
    cast(breakdown_value as {{ dbt.type_string() }}) as breakdown_value,
    cast(old_numerator as bigint) as old_numerator,
    cast(new_numerator as bigint) as new_numerator,
    cast(old_denominator as bigint) as old_denominator,
    cast(new_denominator as bigint) as new_denominator,
    cast(old_value as double) as old_value,
    cast(new_value as double) as new_value,
    cast(old_status as {{ dbt.type_string() }}) as old_status,
    cast(new_status as {{ dbt.type_string() }}) as new_status,
    cast(reason as {{ dbt.type_string() }}) as reason,
    cast(cause_number as bigint) as cause_number,
    cast(change as {{ dbt.type_string() }}) as change,
    cast(is_known as boolean) as is_known,
    cast(dataset as {{ dbt.type_string() }}) as dataset,
    cast(record_key as {{ dbt.type_string() }}) as record_key,
    cast(record_status as {{ dbt.type_string() }}) as record_status,
    cast(received_on as date) as received_on,
    cast(file_sha256 as {{ dbt.type_string() }}) as file_sha256,
    cast(file_name as {{ dbt.type_string() }}) as file_name,
    cast(sheet as {{ dbt.type_string() }}) as sheet,
    cast(row_number as bigint) as row_number,
    cast(delivery_seq as bigint) as delivery_seq
from listed
