-- What every indicator is worth, for every year begun, in total and in parts (semantics.md, Rules, Status, Breakdowns).

with

questions as (
    select * from {{ ref('int_indicator_years') }}
),

parts as (
    select * from {{ ref('int_parts') }}
),

counts as (
    select * from {{ ref('int_part_counts') }}
),

totals as (
    select * from counts where breakdown = 'total'
),

counted as (
    select
        parts.reporting_year,
        parts.plan_version,
        parts.indicator_id,
        parts.breakdown,
        parts.breakdown_value,
        questions.action,
        questions.section,
        questions.unit,
        questions.wording,
        questions.obstacle,
        questions.is_final,
        questions.as_of,
        coalesce(counts.is_suppressed, false) as is_suppressed,
        case when questions.obstacle is null then coalesce(counts.numerator, 0) end as numerator,
        case
            when questions.obstacle is not null or questions.unit <> 'percent' then null
            when parts.breakdown in ('timeliness', 'payment') then coalesce(totals.denominator, 0)
            -- the members do not differ from meeting to meeting; participations do
            when parts.breakdown = 'meeting' and questions.rule <> 'participant_share'
                then coalesce(totals.denominator, 0)
            else coalesce(counts.denominator, 0)
        end as denominator
    from parts
    inner join questions
        on
            parts.reporting_year = questions.reporting_year
            and parts.plan_version = questions.plan_version
            and parts.indicator_id = questions.indicator_id
    left join counts
        on
            parts.reporting_year = counts.reporting_year
            and parts.plan_version = counts.plan_version
            and parts.indicator_id = counts.indicator_id
            and parts.breakdown = counts.breakdown
            and parts.breakdown_value = counts.breakdown_value
    left join totals
        on
            parts.reporting_year = totals.reporting_year
            and parts.plan_version = totals.plan_version
            and parts.indicator_id = totals.indicator_id
),

valued as (
    select
        *,
        case
            when obstacle is not null then obstacle
            when unit = 'percent' and denominator = 0 then 'empty_population'
            when is_suppressed then 'suppressed'
            when is_final then 'final'
            else 'provisional'
        end as status,
        case
            when is_suppressed then null
            when unit = 'percent' then (cast(100.0 as double) * numerator) / nullif(denominator, 0)
            else cast(numerator as double)
        end as value
    from counted
)

select
    cast(valued.reporting_year as int) as reporting_year,
    cast(valued.plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(valued.action as int) as action,
    cast(valued.section as {{ dbt.type_string() }}) as section,
    cast(valued.indicator_id as {{ dbt.type_string() }}) as indicator_id,
    cast(valued.wording as {{ dbt.type_string() }}) as indicator,
    cast(valued.unit as {{ dbt.type_string() }}) as unit,
    cast(valued.breakdown as {{ dbt.type_string() }}) as breakdown,
    cast(valued.breakdown_value as {{ dbt.type_string() }}) as breakdown_value,
    cast(case when valued.status <> 'suppressed' then valued.numerator end as bigint) as numerator,
    cast(case when valued.status <> 'suppressed' then valued.denominator end as bigint) as denominator,
    cast(valued.value as double) as value,
    cast(case when valued.status <> 'suppressed' then previous.value end as double) as previous_value,
    cast(case when valued.status <> 'suppressed' then valued.value - previous.value end as double) as change,
    cast(valued.status as {{ dbt.type_string() }}) as status,
    cast(valued.as_of as date) as as_of
from valued
left join valued as previous
    on
        valued.reporting_year = previous.reporting_year + 1
        and valued.plan_version = previous.plan_version
        and valued.indicator_id = previous.indicator_id
        and valued.breakdown = previous.breakdown
        and valued.breakdown_value = previous.breakdown_value
